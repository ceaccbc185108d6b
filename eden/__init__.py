"""What every part shares: settings, errors, databases, embedded services, logging, command line."""
