"""What can go wrong in a run that its user can do something about."""


class TrainingError(RuntimeError):
    """A run that cannot go on; the message says what to do."""


class DivergedError(TrainingError):
    """The loss is not finite."""


class CollapsedError(TrainingError):
    """Every transform is zero, which no gradient can undo."""


class WorkdirError(TrainingError):
    """The work directory cannot be used as asked."""
