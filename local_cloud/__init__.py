"""AWS on this machine: an emulator with our extension, our SageMaker, and who starts and stops them.

`python -m local_cloud up` in the emulator's virtual environment starts all of it.
"""
