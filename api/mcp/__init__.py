"""Model Context Protocol: a library as tools for agents, over stdin and stdout or HTTP."""
