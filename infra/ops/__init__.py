"""The operator's command line: looks at a stage, repairs its dead letters, finds faults of this machine.

commands/ declares the commands, a module each. The modules beside it do their work.
"""
