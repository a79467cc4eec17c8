"""Programs whose training steps are timed, each as its users would write it."""
