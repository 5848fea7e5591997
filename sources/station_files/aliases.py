"""Names that people give columns -> the name here: to suggest one, never to take one unasked.

Small letters without accents, a blank is an underscore.
"""

from __future__ import annotations

_NAMES = {
    "air_temperature_max": """tmax tx tasmax t_max temp_max max_temp maxtemp tempmax
        maximum_temperature temperature_max
        max_temperature txk mx2t temperature_2m_max tmaxc tmpmax high max
        temperatura_maxima temp_maxima temp_max_c tmax_c tmax_f t2m_max""",
    "air_temperature_min": """tmin tn tasmin t_min temp_min min_temp mintemp tempmin
        minimum_temperature temperature_min
        min_temperature tnk mn2t temperature_2m_min tminc tmpmin low min
        temperatura_minima temp_minima temp_min_c tmin_c tmin_f t2m_min""",
    "air_temperature_mean": """tmean tavg temperature tg tas tm temp t2m tmed tmk meantemp mean_temp
        mean_temperature avg_temp temp_mean temperature_mean temperature_2m_mean tmedia
        temperature_2m""",
    "precipitation": """rain rainfall prcp precip pr rr tp ppt pluie prec precipitacion rsk lluvia p
        precipitations precipitation_sum precipitation_total total_precipitation rain_mm rain_sum
        precip_total precip_mm precipitation_mm niederschlag pp prectotcorr""",
    "potential_evapotranspiration": """et0 pet eto etp evapotranspiration etpmon
        et0_fao_evapotranspiration evspsblpot""",
    "relative_humidity": """rh humidity hurs hu rhum relhum rel_humidity humidite rhmean um hrmedia
        relative_humidity_2m_mean""",
    "wind_speed": """wind ws wspd windspeed wind_speed_mean sfcwind fg ff ffm velmedia awnd wdsp
        wind_speed_10m_mean""",
    "surface_downwelling_shortwave": """radiation rsds srad ssrd solar_radiation swdown qq rs
        shortwave_radiation_sum""",
    "river_discharge": "discharge flow q streamflow qobs runoff debit",
    "river_level": "level stage water_level gauge_height",
    "air_pressure": "pressure ps station_pressure sp stp",
    "soil_moisture": "soil_moisture_mean sm swvl1 vwc",
    "time": """date day datetime timestamp valid_time fecha datum dates mess_datum yyyymmdd obs_date
        valid time_utc date_time data jour aaaammjj""",
    "location": """station site id station_id stationid staid stn indicativo num_poste stations_id
        location_id site_no gauge_id station_name place commune code""",
    "latitude": "lat",
    "longitude": "lon lng long",
    "elevation": "altitude alt elev altitud",
    "lead_days": "lead_time lead",
}

_PARTS = {
    "year": "year yr yyyy an anio jahr annee",
    "month": "month mo mm mon mes mois monat",
    "day": "day dy dd dia jour tag",
    "day_of_year": "doy day_of_year jday yday julian_day",
}

PARTS_OF_DATES = {alias: name for name, aliases in _PARTS.items() for alias in aliases.split()}
"""Names of columns that are one part of a date, where the others stand beside it."""

ALIASES = {alias: name for name, aliases in _NAMES.items() for alias in aliases.split()}
