"""What runs on AWS Lambda: each module has a ``handler(event, context)``.

Nothing is imported here, because the function that receives has to start in milliseconds.
"""
