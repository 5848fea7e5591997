"""Predictors, margins and hazards. See README.md."""
