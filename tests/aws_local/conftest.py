from aws_local.ministack import aws_environment, ministack

__all__ = ["aws_environment", "ministack"]
