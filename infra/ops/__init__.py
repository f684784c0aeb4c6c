"""The operator's command line: look at a stage, repair its dead letters, find what is wrong here.

commands/ declares the commands, a module each. Their work is in the modules beside it.
"""
