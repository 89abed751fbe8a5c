"""What happens when things go wrong, tried for real: `python -m tests.faults`.

Each fault is made to happen to real processes and real files, many times. A trial
survives if the user is told what the README promises and the run can go on; data is
lost if anything that was saved before is not there after it, or if the resumed run
does not end bit for bit where one ends that was never disturbed.
"""
