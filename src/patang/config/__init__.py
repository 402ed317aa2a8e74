"""Settings: the only room that reads the environment and the folder of configuration files."""
