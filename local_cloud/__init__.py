"""AWS on this machine: an emulator with our extension, our SageMaker, and their supervisor.

`python -m local_cloud up` in the emulator's virtual environment starts all of it.
"""
