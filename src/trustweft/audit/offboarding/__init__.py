"""What an off-boarded client still gets, seen from outside: live credentials, obtained before and tried after."""
