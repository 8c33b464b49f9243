locals {
  actions = aws_sns_topic.alarms[*].arn

  alarms = {
    parked = {
      text      = "An event was given up. Type almahook events list --state parked"
      namespace = "AWS/SQS"
      metric    = "ApproximateNumberOfMessagesVisible"
      dimension = { QueueName = aws_sqs_queue.parked.name }
      statistic = "Maximum"
    }
    receive-errors = {
      text      = "The receive function failed; Alma tries again. Look into its log."
      namespace = "AWS/Lambda"
      metric    = "Errors"
      dimension = { FunctionName = aws_lambda_function.receive.function_name }
      statistic = "Sum"
    }
    work-errors = {
      text      = "The work function died or ran out of time. Look into its log."
      namespace = "AWS/Lambda"
      metric    = "Errors"
      dimension = { FunctionName = aws_lambda_function.work.function_name }
      statistic = "Sum"
    }
    purge-errors = {
      text      = "The purge function failed, and what is old is kept. Look into its log."
      namespace = "AWS/Lambda"
      metric    = "Errors"
      dimension = { FunctionName = aws_lambda_function.purge.function_name }
      statistic = "Sum"
    }
    answers-5xx = {
      text      = "Alma was answered 5xx, and tries again after 1, 3 and 6 hours."
      namespace = "AWS/ApiGateway"
      metric    = "5xx"
      dimension = { ApiId = aws_apigatewayv2_api.api.id }
      statistic = "Sum"
    }
  }
}

# CloudWatch cannot publish to a topic that AWS's own key encrypts, and no alarm tells anything of an
# event.
resource "aws_sns_topic" "alarms" {
  count = var.alarm_email == "" ? 0 : 1
  name  = "${var.name}-alarms"
}

resource "aws_sns_topic_subscription" "email" {
  count     = var.alarm_email == "" ? 0 : 1
  topic_arn = aws_sns_topic.alarms[0].arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

resource "aws_cloudwatch_metric_alarm" "problem" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.text
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimension
  statistic           = each.value.statistic
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
}

# Alma does not say so when it has switched an integration profile off.
resource "aws_cloudwatch_metric_alarm" "silence" {
  alarm_name          = "${var.name}-silence"
  alarm_description   = "Alma has sent nothing for long. Look at the integration profile in Alma."
  namespace           = "AWS/SQS"
  metric_name         = "NumberOfMessagesSent"
  dimensions          = { QueueName = aws_sqs_queue.events.name }
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = var.silence_hours
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
}
