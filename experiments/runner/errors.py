"""What can go wrong in a run that its user can do something about."""


class TrainingError(RuntimeError):
    """A run that cannot go on; the message says what to do."""


class CheckpointError(TrainingError):
    """A checkpoint cannot be written or read."""


class CollapsedError(TrainingError):
    """A table is zero everywhere, which no gradient can undo."""


class DivergedError(TrainingError):
    """The loss is not finite."""


class WorkdirError(TrainingError):
    """The work directory cannot be used as asked."""


class BusyError(WorkdirError):
    """Another process is writing to the work directory."""
