"""One made-up record as the services write it: what their files look like, and its true values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

YEARS = 3
DAYS = pd.date_range("2001-01-01", periods=YEARS * 365, freq="D")


def true_record() -> pd.DataFrame:
    """A Mediterranean record at 35 N: columns tmax, tmin, tmean (degC), rain (mm), wind (m s-1)."""
    season = np.cos(2 * np.pi * (DAYS.day_of_year.to_numpy() - 205) / 365.25)
    number = np.arange(len(DAYS))
    tmax = np.round(23.0 + 7.0 * season + 3.0 * np.sin(number / 3.0), 1)
    tmin = np.round(tmax - 8.0 - 2.0 * np.cos(number / 5.0), 1)
    wet = (number % 6 == 0) & (season < 0.5)
    rain = np.where(wet, np.round(1.2 + (number * 7 % 31) * 0.7, 1), 0.0)
    table = pd.DataFrame({"tmax": tmax, "tmin": tmin, "rain": rain, "wind": 3.1}, index=DAYS)
    return table.assign(tmean=np.round((tmax + tmin) / 2, 1))


def comma(value: float) -> str:
    return f"{value:.1f}".replace(".", ",")


def tenths(value: float) -> str:
    return f"{round(value * 10):5d}"


def aemet(record: pd.DataFrame) -> bytes:
    lines = [
        "FECHA;INDICATIVO;NOMBRE;PROVINCIA;ALTITUD;TMEDIA;PRECIPITACION;TMIN;HORATMIN;TMAX;HORATMAX;DIR;VELMEDIA"
    ]
    for n, (day, row) in enumerate(record.iterrows()):
        rain = "Ip" if n == 10 else "Acum" if n == 11 else comma(row.rain)
        lines.append(
            f"{day.date()};6000A;CORUÑA;MELILLA;52;{comma(row.tmean)};{rain};{comma(row.tmin)};"
            f"Varias;{comma(row.tmax)};14:10;99;{comma(row.wind)}"
        )
    return "\n".join(lines).encode("latin-1")


def ghcn(record: pd.DataFrame) -> bytes:
    lines = [
        '"STATION","DATE","LATITUDE","LONGITUDE","ELEVATION","NAME","PRCP","PRCP_ATTRIBUTES","TMAX",'
        '"TMAX_ATTRIBUTES","TMIN","TMIN_ATTRIBUTES"'
    ]
    for n, (day, row) in enumerate(record.iterrows()):
        high = "S" if n == 20 else ""  # failed the spatial consistency check
        low = {21: "G", 22: "I"}.get(n, "")  # the gap check; consistency within the day
        lines.append(
            f'"SPE00000000","{day.date()}","35.2778","-2.9553","47.0","MELILLA, '
            f'SP","{tenths(row.rain)}",'
            f'",,E","{tenths(row.tmax)}",",{high},E","{tenths(row.tmin)}",",{low},E"'
        )
    return "\n".join(lines).encode()


def gsod(record: pd.DataFrame) -> bytes:
    lines = [
        '"STATION","DATE","LATITUDE","LONGITUDE","ELEVATION","NAME","TEMP","TEMP_ATTRIBUTES","WDSP",'
        '"WDSP_ATTRIBUTES","MAX","MAX_ATTRIBUTES","MIN","MIN_ATTRIBUTES","PRCP","PRCP_ATTRIBUTES","FRSHTT"'
    ]
    for n, (day, row) in enumerate(record.iterrows()):
        high, low = row.tmax * 1.8 + 32, row.tmin * 1.8 + 32
        rain = 99.99 if n % 9 == 0 else row.rain / 25.4
        lines.append(
            f'"60338099999","{day.date()}","35.28","-2.95","47.0","MELILLA, '
            f'SP","{row.tmean * 1.8 + 32:6.1f}",'
            f'"24","{row.wind / 0.514444:6.1f}","24","{high:6.1f}","*","{low:6.1f}"," '
            f'","{rain:5.2f}","G","000000"'
        )
    return "\n".join(lines).encode()


def dwd(record: pd.DataFrame) -> bytes:
    lines = [
        "STATIONS_ID;MESS_DATUM;QN_3;  FX;  FM;QN_4; RSK;RSKF; SDK;SHK_TAG;  NM; VPM;  PM; "
        "TMK; UPM; TXK; TNK; TGK;eor"
    ]
    for n, (day, row) in enumerate(record.iterrows()):
        rain = "-999" if n == 5 else f"{row.rain:.1f}"
        lines.append(
            f"       1048;{day:%Y%m%d};   10;  9.0;{row.wind:5.1f};    3; {rain};   6;   "
            f"4.583;   0;   7.0;  10.1;"
            f" 993.40;{row.tmean:7.1f};  74.00;{row.tmax:7.1f};{row.tmin:7.1f};   2.4;eor"
        )
    return "\n".join(lines).encode()


def meteo_france(record: pd.DataFrame) -> bytes:
    lines = [
        "NUM_POSTE;NOM_USUEL;LAT;LON;ALTI;AAAAMMJJ;RR;QRR;TN;QTN;HTN;QHTN;TX;QTX;HTX;QHTX;TM;QTM"
    ]
    for n, (day, row) in enumerate(record.iterrows()):
        quality = 2 if n == 7 else 1
        lines.append(
            f"20004002;AJACCIO;41.918;8.792667;5;{day:%Y%m%d};{row.rain:.1f};{quality};{row.tmin:.1f};1;523;9;"
            f"{row.tmax:.1f};1;1324;9;{row.tmean:.1f};1"
        )
    return "\n".join(lines).encode()


def meteostat(record: pd.DataFrame) -> bytes:
    lines = ["date,tavg,tmin,tmax,prcp,snow,wdir,wspd,wpgt,pres,tsun"]
    for day, row in record.iterrows():
        lines.append(
            f"{day.date()},{row.tmean:.1f},{row.tmin:.1f},{row.tmax:.1f},{row.rain:.1f},,"
            f"250,{row.wind * 3.6:.1f},,1017.2,"
        )
    return "\n".join(lines).encode()


def ecad(record: pd.DataFrame) -> bytes:
    preamble = (
        "EUROPEAN CLIMATE ASSESSMENT & DATASET (ECA&D), file created on: 20-11-2026\r\n"
        "THESE DATA CAN BE USED FREELY PROVIDED THAT THE FOLLOWING SOURCE IS ACKNOWLEDGED:\r\n\r\n"
        "Klein Tank, A.M.G. and Coauthors, 2002. Daily dataset of 20th-century surface\r\n"
        "FILE FORMAT (MISSING VALUE CODE IS -9999):\r\n\r\n"
        "01-06 STAID: Station identifier\r\n08-13 SOUID: Source identifier\r\n15-22 DATE : "
        "Date YYYYMMDD\r\n"
        "24-28 TX   : maximum temperature in 0.1 °C\r\n30-34 Q_TX : Quality code for TX "
        "(0='valid'; 1='suspect'; 9='missing')\r\n\r\n"
        "This is the blended series of station SPAIN, MELILLA (STAID: 2759).\r\n\r\n"
    )
    lines = ["STAID, SOUID,    DATE,   TX, Q_TX"]
    for n, (day, row) in enumerate(record.iterrows()):
        value, quality = ("-9999", 9) if n == 3 else (tenths(row.tmax), 1 if n == 4 else 0)
        lines.append(f"  2759,120691,{day:%Y%m%d},{value},{quality:5d}")
    return (preamble + "\r\n".join(lines)).encode("latin-1")


def knmi(record: pd.DataFrame) -> bytes:
    lines = [
        "# BRON: KONINKLIJK NEDERLANDS METEOROLOGISCH INSTITUUT (KNMI)",
        "# YYYYMMDD  = Datum (YYYY=jaar MM=maand DD=dag)",
        "# STN         LON(east)   LAT(north)  ALT(m)      NAME",
        "# STN,YYYYMMDD,   FG,   TG,   TN,   TX,   RH, EV24,   UG",
        "",
    ]
    for n, (day, row) in enumerate(record.iterrows()):
        rain = "   -1" if n == 8 else tenths(row.rain)
        lines.append(
            f"  "
            f"260,{day:%Y%m%d},{tenths(row.wind)},{tenths(row.tmean)},{tenths(row.tmin)},{tenths(row.tmax)},"
            f"{rain},   20,   75"
        )
    return "\n".join(lines).encode()


def nasa_power(record: pd.DataFrame) -> bytes:
    preamble = (
        "-BEGIN HEADER-\nNASA/POWER Source Native Resolution Daily Data\n"
        "Location: latitude 35.28 longitude -2.95\nThe value for missing source data that "
        "cannot be computed: -999\n"
        "-END HEADER-\n"
    )
    lines = ["YEAR,DOY,T2M_MAX,T2M_MIN,PRECTOTCORR,WS10M"]
    for n, (day, row) in enumerate(record.iterrows()):
        rain = -999 if n == 6 else row.rain
        lines.append(f"{day.year},{day.day_of_year},{row.tmax},{row.tmin},{rain},{row.wind}")
    return (preamble + "\n".join(lines)).encode()


def open_meteo(record: pd.DataFrame) -> bytes:
    lines = [
        "latitude,longitude,elevation,utc_offset_seconds,timezone,timezone_abbreviation",
        "35.3,-2.9,38.0,0,GMT,GMT",
        "",
        "time,temperature_2m_max (°F),temperature_2m_min (°F),precipitation_sum "
        "(inch),weather_code (wmo code)",
    ]
    for day, row in record.iterrows():
        lines.append(
            f"{day.date()},{row.tmax * 1.8 + 32:.2f},{row.tmin * 1.8 + 32:.2f},"
            f"{row.rain / 25.4:.4f},3"
        )
    return "\n".join(lines).encode()


def era5(record: pd.DataFrame, path: Path, hours: int = 0) -> None:
    """Daily ERA5 on four cells around Melilla; the true record in the nearest one."""
    shape = (len(record), 2, 2)
    nearest = np.zeros(shape, bool)
    nearest[:, 0, 1] = True
    values = {
        "mx2t": (record["tmax"].to_numpy() + 273.15, "K"),
        "mn2t": (record["tmin"].to_numpy() + 273.15, "K"),
        "tp": (record["rain"].to_numpy() / 1000, "m"),
        "u10": (record["wind"].to_numpy(), "m s**-1"),
    }
    cube = {
        name: (
            ("valid_time", "latitude", "longitude"),
            np.where(nearest, column[:, None, None], column[:, None, None] + 0.01).astype(
                "float32"
            ),
            {"units": unit, "GRIB_stepType": "max"},
        )
        for name, (column, unit) in values.items()
    }
    xr.Dataset(
        cube,
        {
            "valid_time": record.index + pd.Timedelta(hours=hours),
            "latitude": [35.25, 35.0],
            "longitude": [356.75, 357.0],
            "number": 0,
            "expver": ("valid_time", np.full(len(record), "0001")),
        },
    ).to_netcdf(path, engine="h5netcdf")


RAW: dict[str, tuple[str, Callable[[pd.DataFrame], bytes]]] = {
    "aemet": ("aemet.csv", aemet),
    "ghcn-daily": ("SPE00000000.csv", ghcn),
    "gsod": ("60338099999.csv", gsod),
    "dwd": ("produkt_klima_tag_20010101_20031231_01048.txt", dwd),
    "meteo-france": ("Q_20_previous-1950-2023_RR-T-Vent.csv", meteo_france),
    "meteostat": ("60338.csv", meteostat),
    "ecad": ("TX_STAID002759.txt", ecad),
    "knmi": ("etmgeg_260.txt", knmi),
    "nasa-power": ("POWER_Point_Daily_20010101_20031231_035d28N_002d95W.csv", nasa_power),
    "open-meteo": ("open-meteo-35.30N2.90W38m.csv", open_meteo),
}
"""Format -> a file's name as the service gives it, and how its bytes are made of the true
record."""
