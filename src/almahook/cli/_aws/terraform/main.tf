# The listener at scale: HTTP API -> receive function -> SQS -> work function -> DynamoDB.
# The same as ../queue/template.yaml, for those who use Terraform.

terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40, < 7.0"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { application = "almahook" }
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

# --- In: HTTP API -------------------------------------------------------------------------------

resource "aws_apigatewayv2_api" "api" {
  name          = var.name
  description   = "Where Alma sends its events"
  protocol_type = "HTTP"
}

# Payload 2.0 hands on the exact bytes, as text or as base64.
resource "aws_apigatewayv2_integration" "receive" {
  api_id                 = aws_apigatewayv2_api.api.id
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = aws_lambda_function.receive.invoke_arn
  payload_format_version = "2.0"
}

# Other paths cost nothing: API Gateway itself answers 404.
resource "aws_apigatewayv2_route" "webhooks" {
  api_id    = aws_apigatewayv2_api.api.id
  route_key = "ANY /webhooks/{profile}"
  target    = "integrations/${aws_apigatewayv2_integration.receive.id}"
}

resource "aws_apigatewayv2_stage" "stage" {
  api_id      = aws_apigatewayv2_api.api.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    detailed_metrics_enabled = true
    throttling_rate_limit    = var.requests_per_second
    throttling_burst_limit   = var.requests_per_second
  }
}

resource "aws_lambda_permission" "receive" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.receive.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.api.execution_arn}/*/*/webhooks/*"
}

# --- Between: the queue, the dead-letter queue, and what is too large for them -------------------

resource "aws_sqs_queue" "events" {
  name                      = "${var.name}-events"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600

  # AWS advises six times the function's time-out, for the times that a batch is throttled:
  # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
  visibility_timeout_seconds = 6 * var.work_timeout

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.parked.arn
    maxReceiveCount     = 100
  })
}

resource "aws_sqs_queue" "parked" {
  name                      = "${var.name}-parked"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600
}

# What is too large for the queue, until it is collected, and for the table.
resource "aws_s3_bucket" "bodies" {
  bucket = "${var.name}-${data.aws_caller_identity.current.account_id}-${data.aws_region.current.id}"
}

resource "aws_s3_bucket_server_side_encryption_configuration" "bodies" {
  bucket = aws_s3_bucket.bodies.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "bodies" {
  bucket                  = aws_s3_bucket.bodies.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "bodies" {
  bucket = aws_s3_bucket.bodies.id

  rule {
    id     = "spool"
    status = "Enabled"

    filter {
      prefix = "spool/"
    }

    expiration {
      days = 15
    }
  }
}

resource "aws_s3_bucket_policy" "bodies" {
  bucket = aws_s3_bucket.bodies.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "EncryptedConnectionsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.bodies.arn, "${aws_s3_bucket.bodies.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

# --- Out: what the work function keeps ----------------------------------------------------------

resource "aws_dynamodb_table" "inbox" {
  name         = var.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"
  range_key    = "sk"

  # Whoever destroys it is asked to take this off first.
  deletion_protection_enabled = var.protection

  attribute {
    name = "pk"
    type = "S"
  }

  attribute {
    name = "sk"
    type = "S"
  }

  server_side_encryption {
    enabled = true
  }

  point_in_time_recovery {
    enabled = true
  }
}
