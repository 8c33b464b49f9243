"""The mapping templates of the REST API, in Velocity."""
