"""What all services of Open-Meteo have in common: key, weight of requests, shape of responses."""
