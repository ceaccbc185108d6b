"""Reports by a second author, who had read neither the rules nor the phrases of the first.

Countries with their own names, documents, phones and licences; layouts as the RIS of each prints
them. The same seed and number give the same report.
"""
