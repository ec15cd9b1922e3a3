"""What nobody needs in production: simulated providers, the fault drill, the demo. Only `cli` imports it."""
