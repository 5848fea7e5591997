"""Weather forecasts become probabilities of events: statistical post-processing.

In: archived forecasts (init_time, lead_time, location, member) and observations (time, location).
Out: the weather model's probability of each event, and that of both models combined. Start with
``probabilities.rolling_event_probabilities``. It reads ``forecast_pairs`` (forecasts beside
observations), ``quality`` (what cannot be used), ``emos`` and ``csgd`` (how forecasts err),
``calibration`` (all of that for one region) and ``trajectories`` (weather drawn from it).
``stacking`` combines the weather model with the state model; ``rolling_stacking`` does so day by
day.
"""
