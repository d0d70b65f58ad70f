class BrainFlowError(Exception):
    exit_code: int
