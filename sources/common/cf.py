"""What NetCDF and Zarr say of themselves by the CF conventions, and where their data are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.gridded import is_hdf5
from data_contracts.variables import VARIABLES

if TYPE_CHECKING:  # xarray is slow to import, and only its name is needed here
    import xarray as xr

# CF standard names of a variable, besides its own.
STANDARD_NAMES = {
    "precipitation_amount": "precipitation",
    "precipitation_flux": "precipitation",
    "rainfall_amount": "precipitation",
    "rainfall_flux": "precipitation",
    "thickness_of_rainfall_amount": "precipitation",
    "lwe_precipitation_rate": "precipitation",
    "rainfall_rate": "precipitation",
    "surface_downwelling_shortwave_flux_in_air": "surface_downwelling_shortwave",
    "water_potential_evaporation_amount": "potential_evapotranspiration",
    "water_potential_evaporation_flux": "potential_evapotranspiration",
    "surface_water_amount_potential_evapotranspiration": "potential_evapotranspiration",
}
TIMES = ("time", "valid_time", "date", "day", "datetime", "Time", "TIME")


def time_of(dataset: xr.Dataset, mapped: Sequence[str] = ()) -> str | None:
    """The dimension of days: one of ``mapped``, else by CF attributes, else by name."""
    described = [
        str(name)
        for name in dataset.coords
        if dataset[name].attrs.get("standard_name") == "time"
        or dataset[name].attrs.get("axis") == "T"
    ]
    names = (*mapped, *described, *TIMES)
    return next((name for name in names if name in dataset.dims), None)


def meaning_of(variable: xr.DataArray) -> str | None:
    """The variable of the table that CF attributes say this one is."""
    standard = str(variable.attrs.get("standard_name", ""))
    method = " ".join(str(variable.attrs.get("cell_methods", "")).split())
    if standard in STANDARD_NAMES:
        return STANDARD_NAMES[standard]
    rows = [row for row in VARIABLES.values() if row.standard_name == standard]
    if len(rows) == 1 and standard:
        return rows[0].name
    matching = [row.name for row in rows if row.cell_methods in method]
    return matching[0] if len(matching) == 1 else None


def outside_data(path: Path) -> str | None:
    """A sentence where an HDF5 file takes data from other files."""
    if not is_hdf5(path):
        return None
    import h5py

    outside: list[str] = []

    def look(group: Any) -> None:
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                outside.append(f"{name} is a link to {link.filename}")
            elif isinstance(link, h5py.HardLink):
                item = group.get(name)
                if isinstance(item, h5py.Dataset):
                    if item.external or item.is_virtual:
                        outside.append(f"{name} keeps its values in another file")
                elif isinstance(item, h5py.Group) and item.id not in seen:
                    seen.add(item.id)
                    look(item)

    with h5py.File(path, "r") as file:
        seen = {file.id}
        look(file)
    if not outside:
        return None
    return (
        f"{outside[0][:200]}, expected a file that holds all its data; write it anew with the data "
        "in it."
    )
