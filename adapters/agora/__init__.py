"""The real room: a connection in an Agora channel, through agora-python-server-sdk 2.4.10 in child processes.

Nothing here imports the SDK but `adapters.agora.sdk`, which runs in a process of its own.
"""
