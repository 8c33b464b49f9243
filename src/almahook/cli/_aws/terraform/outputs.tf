output "listener_url" {
  description = "The webhook listener URL to enter in Alma, for the profile @PROFILE@"
  value       = "${aws_apigatewayv2_api.api.api_endpoint}/webhooks/@PROFILE@"
}

output "inbox" {
  description = "The inbox, for almahook.toml"
  value       = "aws:${var.name}"
}
