"""Jobs that survive what kills them: workflows of durable steps, due times, leases, states."""
