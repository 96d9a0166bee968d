"""What people see: the pages of the participants, their style sheet, and the headers that protect them.

The decisions (who is logged in, what is granted) are the participants' own; a page gets a finished view.
"""
