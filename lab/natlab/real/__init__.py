"""The lab: what is below the local cloud's APIs is real.

Every instance is a booted Linux system with its own firewalld; routers, private hosts and the internet are
network namespaces of this machine. Needs root; nothing leaves the machine.
"""
