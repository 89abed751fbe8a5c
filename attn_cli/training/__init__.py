"""The loop and its parts: step, schedule, budget, optimizer, evaluation, precision, device."""
