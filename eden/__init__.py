"""The ground of every package: settings, errors, logs, databases, services, the warehouse."""
