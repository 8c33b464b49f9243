variable "name" {
  description = "What everything on AWS is called: the inbox is aws:NAME."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}[a-z0-9]$", var.name))
    error_message = "Lower-case letters, figures and hyphens, at most 32, a letter first."
  }
}

variable "region" {
  description = "For example us-east-1; null takes that of your AWS settings."
  type        = string
  default     = null
}

variable "runtime" {
  description = "The Python that almahook aws build has built for."
  type        = string
  default     = "python3.13"
}

variable "architecture" {
  description = "The processor that almahook aws build has built for: arm64 or x86_64."
  type        = string
  default     = "arm64"
}

variable "receive_memory" {
  description = "MB of the receive function; more of it is a faster processor too."
  type        = number
  default     = 512
}

variable "work_memory" {
  description = "MB of the work function."
  type        = number
  default     = 512
}

variable "work_timeout" {
  description = "Seconds that the work function may take for its events."
  type        = number
  default     = 60

  validation {
    condition     = var.work_timeout >= 10 && var.work_timeout <= 900
    error_message = "A function of AWS Lambda may take 900 seconds at most."
  }
}

variable "work_concurrency" {
  description = "How many work functions run at once. They share Alma's limit of API calls."
  type        = number
  default     = 5
}

variable "requests_per_second" {
  description = "More than this is answered 429 by API Gateway, which Alma does not try again."
  type        = number
  default     = 2000
}

variable "log_retention_days" {
  description = "Logs are deleted after so many days."
  type        = number
  default     = 30
}

variable "log_level" {
  description = "What is logged: DEBUG, INFO, WARNING or ERROR."
  type        = string
  default     = "INFO"
}

variable "alarm_email" {
  description = "Who gets a mail when an alarm rings. Empty sends none; the alarms are in CloudWatch."
  type        = string
  default     = ""
}

variable "silence_hours" {
  description = "An alarm rings when Alma has sent nothing for so long."
  type        = number
  default     = 24
}

variable "tracing" {
  description = "X-Ray traces of both functions."
  type        = bool
  default     = false
}

variable "protection" {
  description = "Whether the table of the events refuses to be deleted."
  type        = bool
  default     = true
}
