"""The monitor's function: do the latest predictions still look like the live model's baseline?"""
