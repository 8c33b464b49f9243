locals {
  build = "${path.module}/../build"

  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

# --- The receive function: verifies an event and puts it in the queue ----------------------------

resource "aws_lambda_function" "receive" {
  function_name    = "${var.name}-receive"
  description      = "Verifies an event and puts it in the queue"
  filename         = "${local.build}/receive.zip"
  source_code_hash = filebase64sha256("${local.build}/receive.zip")
  handler          = "almahook.app.functions.receive.handler"
  runtime          = var.runtime
  architectures    = [var.architecture]
  memory_size      = var.receive_memory
  role             = aws_iam_role.receive.arn

  # Alma waits five seconds.
  timeout = 10

  environment {
    variables = {
      ALMAHOOK_INBOX     = "aws:${var.name}"
      ALMAHOOK_LOG_LEVEL = var.log_level
    }
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.receive.name
  }
}

resource "aws_cloudwatch_log_group" "receive" {
  name              = "/almahook/${var.name}/receive"
  retention_in_days = var.log_retention_days
}

resource "aws_iam_role" "receive" {
  name               = "${var.name}-receive"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "receive" {
  name = "receive"
  role = aws_iam_role.receive.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.receive.arn}:*"
      },
      {
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = aws_sqs_queue.events.arn
      },
      {
        Effect   = "Allow"
        Action   = "s3:PutObject"
        Resource = "${aws_s3_bucket.bodies.arn}/spool/*"
      },
@RECEIVE_SECRETS@
    ]
  })
}

resource "aws_iam_role_policy_attachment" "receive_tracing" {
  count      = var.tracing ? 1 : 0
  role       = aws_iam_role.receive.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/AWSXRayDaemonWriteAccess"
}

# --- The work function: runs the handlers --------------------------------------------------------

resource "aws_lambda_function" "work" {
  function_name    = "${var.name}-work"
  description      = "Runs the handlers"
  filename         = "${local.build}/work.zip"
  source_code_hash = filebase64sha256("${local.build}/work.zip")
  handler          = "almahook.app.functions.work.handler"
  runtime          = var.runtime
  architectures    = [var.architecture]
  memory_size      = var.work_memory
  role             = aws_iam_role.work.arn
  timeout          = var.work_timeout

  environment {
    variables = {
      ALMAHOOK_INBOX     = "aws:${var.name}"
      ALMAHOOK_HANDLERS  = "handlers"
      ALMAHOOK_LOG_LEVEL = var.log_level
    }
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.work.name
  }
}

resource "aws_lambda_event_source_mapping" "work" {
  event_source_arn = aws_sqs_queue.events.arn
  function_name    = aws_lambda_function.work.arn
  batch_size       = 10

  # One event that fails does not bring the others back.
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.work_concurrency
  }

  depends_on = [aws_iam_role_policy.work]
}

resource "aws_cloudwatch_log_group" "work" {
  name              = "/almahook/${var.name}/work"
  retention_in_days = var.log_retention_days
}

resource "aws_iam_role" "work" {
  name               = "${var.name}-work"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "work" {
  name = "work"
  role = aws_iam_role.work.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.work.arn}:*"
      },
      {
        Effect = "Allow"
        Action = [
          "sqs:ReceiveMessage",
          "sqs:DeleteMessage",
          "sqs:ChangeMessageVisibility",
          "sqs:GetQueueAttributes",
        ]
        Resource = aws_sqs_queue.events.arn
      },
      {
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = aws_sqs_queue.parked.arn
      },
      {
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:DeleteObject"]
        Resource = "${aws_s3_bucket.bodies.arn}/spool/*"
      },
      {
        Effect   = "Allow"
        Action   = ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"]
        Resource = "${aws_s3_bucket.bodies.arn}/kept/*"
      },
      {
        Effect = "Allow"
        Action = [
          "dynamodb:GetItem",
          "dynamodb:BatchGetItem",
          "dynamodb:Query",
          "dynamodb:PutItem",
          "dynamodb:UpdateItem",
          "dynamodb:DeleteItem",
          "dynamodb:BatchWriteItem",
          "dynamodb:ConditionCheckItem",
        ]
        Resource = aws_dynamodb_table.inbox.arn
      },
@WORK_SECRETS@
    ]
  })
}

resource "aws_iam_role_policy_attachment" "work_tracing" {
  count      = var.tracing ? 1 : 0
  role       = aws_iam_role.work.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/AWSXRayDaemonWriteAccess"
}

# --- The purge function: deletes what is older than retention_days --------------------------------

resource "aws_lambda_function" "purge" {
  function_name    = "${var.name}-purge"
  description      = "Deletes what is old"
  filename         = "${local.build}/work.zip"
  source_code_hash = filebase64sha256("${local.build}/work.zip")
  handler          = "almahook.app.functions.purge.handler"
  runtime          = var.runtime
  architectures    = [var.architecture]
  memory_size      = 512
  role             = aws_iam_role.purge.arn
  timeout          = 300

  environment {
    variables = {
      ALMAHOOK_INBOX     = "aws:${var.name}"
      ALMAHOOK_LOG_LEVEL = var.log_level
    }
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.purge.name
  }
}

resource "aws_cloudwatch_event_rule" "daily" {
  name                = "${var.name}-purge"
  description         = "Deletes what is old"
  schedule_expression = "rate(1 day)"
}

resource "aws_cloudwatch_event_target" "daily" {
  rule = aws_cloudwatch_event_rule.daily.name
  arn  = aws_lambda_function.purge.arn
}

resource "aws_lambda_permission" "daily" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.purge.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.daily.arn
}

resource "aws_cloudwatch_log_group" "purge" {
  name              = "/almahook/${var.name}/purge"
  retention_in_days = var.log_retention_days
}

resource "aws_iam_role" "purge" {
  name               = "${var.name}-purge"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy" "purge" {
  name = "purge"
  role = aws_iam_role.purge.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "${aws_cloudwatch_log_group.purge.arn}:*"
      },
      {
        Effect   = "Allow"
        Action   = "s3:DeleteObject"
        Resource = "${aws_s3_bucket.bodies.arn}/kept/*"
      },
      {
        Effect = "Allow"
        Action = [
          "dynamodb:GetItem",
          "dynamodb:BatchGetItem",
          "dynamodb:Query",
          "dynamodb:PutItem",
          "dynamodb:UpdateItem",
          "dynamodb:DeleteItem",
          "dynamodb:BatchWriteItem",
          "dynamodb:ConditionCheckItem",
        ]
        Resource = aws_dynamodb_table.inbox.arn
      },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "purge_tracing" {
  count      = var.tracing ? 1 : 0
  role       = aws_iam_role.purge.name
  policy_arn = "arn:${data.aws_partition.current.partition}:iam::aws:policy/AWSXRayDaemonWriteAccess"
}
