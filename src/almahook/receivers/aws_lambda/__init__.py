"""The host on AWS Lambda, behind whichever front door AWS has for HTTP.

Each name is imported from its module, because a function that refuses has to start in milliseconds.
"""
