"""The auditor: attacks a deployment, and says with evidence whether it is really secure.

It knows nothing of our server, guard or directory: whoever answers is judged from outside, by what they answer.
"""
