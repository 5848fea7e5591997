"""Verification: how good forecasts of past days would have been.

In: a record (dataset of observations) and, where there are any, the weather forecasts of its time.
Out: out-of-fold predictions (``backtest``); scores.csv with a verdict on each cell (``scores``);
hits, false alarms and misses of each colour (``contingency``); ``reliability``; two ``plots``.
Start at ``backtest.backtest``, then ``scores.assess``. ``samples`` holds the days that are scored,
``inference`` the tests and intervals, ``comparison`` the test of a new model against the champion.
``triggers`` tells what acting on a colour would have brought, ``issued`` holds forecasts that were
issued against what happened since, both by ``outcomes``.
Nothing here trains by itself, reads a file or knows MLflow: models.training trains the folds.
"""
