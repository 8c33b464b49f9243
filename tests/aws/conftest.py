from aws_local.ministack import ministack

__all__ = ["ministack"]
