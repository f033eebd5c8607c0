"""Finding and opening a PTB-XL folder, and what is said when it is none."""

import functools
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_set import write_small_set

from signalcam.data import ptbxl
from signalcam.data.ptbxl import Dataset, find_dataset, open_dataset, resolve_data_path
from signalcam.errors import DatasetError

LONG_NAME = "ptb-xl-a-large-publicly-available-electrocardiography-dataset-1.0.3"


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return write_small_set(tmp_path_factory.mktemp("small") / "set", n_records=6)


@pytest.fixture
def small(template, tmp_path):
    """A folder to spoil."""
    return Path(shutil.copytree(template, tmp_path / "ptb-xl"))


def edit(folder, record=None, /, **cells):
    """Set cells of one record in the table on disk, or of all records."""
    path = folder / "ptbxl_database.csv"
    table = pd.read_csv(path, dtype=object)
    for column, value in cells.items():
        table.loc[slice(None) if record is None else table["ecg_id"] == str(record), column] = value
    table.to_csv(path, index=False)


@pytest.mark.bad_input(2)
@pytest.mark.parametrize(
    "inner",
    ["", "ptb-xl", "physionet.org/files/ptb-xl/1.0.3", LONG_NAME, f"downloads/{LONG_NAME}/{LONG_NAME}"],
)
def test_dataset_is_found_in_the_folder_its_parent_a_wget_tree_and_a_long_named_folder(
    template, tmp_path, inner
):
    target = tmp_path / "data" / inner
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(template, target)
    assert find_dataset(tmp_path / "data") == target
    assert find_dataset(target) == target
    assert open_dataset(tmp_path / "data").folder == target


@pytest.mark.bad_input(2)
def test_home_folder_is_understood(small, monkeypatch):
    monkeypatch.setenv("HOME", str(small.parent))
    monkeypatch.setenv("USERPROFILE", str(small.parent))
    assert find_dataset("~/ptb-xl") == small
    assert find_dataset("~") == small


@pytest.mark.bad_input(2, 14)
@pytest.mark.security
def test_zip_is_refused_with_unpack_it_first_and_nothing_is_written(tmp_path):
    archive = tmp_path / "ptb-xl.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../outside.txt", "x")
    with pytest.raises(DatasetError, match="ptb-xl.zip is an archive: unpack it first"):
        find_dataset(archive)
    with pytest.raises(FileNotFoundError, match="unpack it first"):
        find_dataset(tmp_path)
    assert sorted(tmp_path.rglob("*")) == [archive]


@pytest.mark.bad_input(14)
@pytest.mark.security
def test_no_module_unpacks_archives():
    sources = [path.read_text(encoding="utf-8") for path in Path(ptbxl.__file__).parents[1].rglob("*.py")]
    assert not [
        word for text in sources for word in ("extractall", "unpack_archive", "tarfile") if word in text
    ]


@pytest.mark.bad_input(1)
def test_missing_path_is_named_and_how_to_get_the_data_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as caught:
        find_dataset("nowhere")
    nowhere = tmp_path / "nowhere"
    assert str(caught.value).startswith(
        f"{nowhere} does not exist. Set PATH_TO_DATA to a PTB-XL folder; get the"
    )
    assert f"`python -m signalcam download {nowhere}`" in str(caught.value)
    assert "https://physionet.org" in str(caught.value)
    with pytest.raises(FileNotFoundError) as caught:
        find_dataset(" ")
    places = "`python -m signalcam download data/ptb-xl` or from https://physionet.org/content/ptb-xl/1.0.3/"
    assert str(caught.value) == (
        f"The path of the dataset is empty. Set PATH_TO_DATA to a PTB-XL folder; get the data with {places}; "
        "or leave PATH_TO_DATA unset to use the simulated set."
    )


def test_folder_without_dataset_and_other_files_are_refused(tmp_path):
    wanted = f"No ptbxl_database.csv in {tmp_path} or below it. Set PATH_TO_DATA .* download {tmp_path}`"
    with pytest.raises(FileNotFoundError, match=wanted):
        find_dataset(tmp_path)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DatasetError, match="is a file; expected the folder"):
        find_dataset(tmp_path / "notes.txt")


@pytest.mark.bad_input(2)
def test_archive_is_known_by_its_name_or_its_content_and_a_folder_is_none(tmp_path):
    (tmp_path / "set.TGZ").write_text("x")
    (tmp_path / "data").mkdir()
    with zipfile.ZipFile(tmp_path / "data" / "nameless", "w") as file:
        file.writestr("a", "x")
    for path in (tmp_path / "set.TGZ", tmp_path / "data" / "nameless"):
        with pytest.raises(DatasetError, match=f"{path} is an archive: unpack it first; expected the folder"):
            find_dataset(path)
    with pytest.raises(
        FileNotFoundError, match=f"{tmp_path} holds no dataset but an archive, set.TGZ: unpack"
    ):
        find_dataset(tmp_path)
    (tmp_path / "data" / "folder.zip").mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"No ptbxl_database\.csv in .*data or below it. Set PATH_TO_DATA"
    ):
        find_dataset(tmp_path / "data")


@pytest.mark.parametrize("remains", ["scp_statements.csv", "records100", "records500"])
def test_folder_that_lost_its_table_is_named_rather_than_an_archive(tmp_path, remains):
    (tmp_path / "set.zip").write_text("x")
    (tmp_path / "old" / remains).mkdir(parents=True)
    old = tmp_path / "old"
    wanted = f"ptbxl_database.csv is missing in {old}. Set PATH_TO_DATA .*download {old}`"
    with pytest.raises(FileNotFoundError, match=wanted):
        find_dataset(tmp_path)


def test_dataset_is_looked_for_five_levels_down_and_not_in_hidden_folders_or_waveforms(small, tmp_path):
    table = (small / "ptbxl_database.csv").read_text()
    for k, (place, found) in enumerate(
        [("1/2/3/4/5", True), ("1/2/3/4/5/6", False), (".hidden", False), ("records100/00000", False)]
    ):
        start = tmp_path / f"start {k}"
        (start / place).mkdir(parents=True)
        (start / place / "ptbxl_database.csv").write_text(table)
        if found:
            assert find_dataset(start) == start / place
        else:
            with pytest.raises(FileNotFoundError, match="ptbxl_database.csv"):
                find_dataset(start)


def test_search_ends_where_there_are_more_folders_than_any_dataset_has(tmp_path, monkeypatch):
    monkeypatch.setattr(ptbxl, "_MOST_FOLDERS", 4)  # with the start
    for name in ("a", "b", "c/d"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "c" / "d" / "ptbxl_database.csv").write_text("x")
    with pytest.raises(FileNotFoundError, match="No ptbxl_database.csv"):
        find_dataset(tmp_path)
    (tmp_path / "b").rmdir()
    assert find_dataset(tmp_path) == tmp_path / "c" / "d"


def test_folder_that_may_not_be_read_is_passed_over(small, tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    iterdir = Path.iterdir

    def closed(path):
        if path.name == "closed":
            raise PermissionError("closed")
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", closed)
    assert find_dataset(tmp_path) == small


def test_a_link_keeps_the_name_that_the_user_knows(small, tmp_path):
    (tmp_path / "link").symlink_to(small)
    assert find_dataset(tmp_path / "link") == tmp_path / "link"


def test_waveforms_without_a_table_above_are_no_dataset(tmp_path):
    (tmp_path / "records100").mkdir()
    with pytest.raises(FileNotFoundError, match="No ptbxl_database.csv in .*records100 or below"):
        find_dataset(tmp_path / "records100")


@pytest.mark.parametrize(
    ("changes", "family", "name", "sentence"),
    [
        ({"version": "1.0.3"}, "PTB-XL", "PTB-XL 1.0.3", "PTB-XL 1.0.3: 6 records of 3 patients, 100 Hz"),
        (
            {"version": "simulated set of 6 records", "simulated": True},
            "simulated ECGs",
            "simulated set of 6 records",
            "simulated set of 6 records of 3 patients, 100 Hz",
        ),
        (
            {"version": "a1b2", "title": "recordings in mine", "sampling_rates": (100, 500)},
            "recordings in mine (a1b2)",
            "recordings in mine",
            "recordings in mine: 6 records of 3 patients, 100 and 500 Hz",
        ),
        (
            {"sampling_rates": ()},
            "PTB-XL",
            "PTB-XL sample of 6 records",
            "PTB-XL sample of 6 records of 3 patients, no waveforms at any Hz",
        ),
    ],
)
def test_dataset_says_what_it_is(template, changes, family, name, sentence, monkeypatch):
    dataset = replace(open_dataset(template), **changes)
    assert dataset.family == family
    assert dataset.name == name
    assert dataset.describe() == f"{sentence}, in {template}"
    monkeypatch.chdir(template.parent)
    assert dataset.describe() == f"{sentence}, in {template.name}"


@pytest.mark.bad_input(4)
def test_rate_that_is_not_there_says_how_to_get_it(template):
    dataset = open_dataset(template)
    ptbxl.check_rate(dataset, 100)
    fetch = f"`python -m signalcam download {template} --sampling-rate 500`"
    wanted = "There are no records at 500 Hz in {}; there are records at {}. {} them with {}."
    for rates, there, advice in (
        ((100,), "100 Hz", "Load with sampling_rate=100, or fetch"),
        ((), "no rate at all", "Fetch"),
    ):
        with pytest.raises(FileNotFoundError) as caught:
            ptbxl.check_rate(replace(dataset, sampling_rates=rates), 500)
        assert str(caught.value) == wanted.format(template, there, advice, fetch)
    with pytest.raises(ValueError, match="sampling_rate must be one of 100, 500 Hz, got 250"):
        ptbxl.check_rate(dataset, 250)


def test_the_table_itself_names_its_folder(small):
    assert find_dataset(small / "ptbxl_database.csv") == small


def test_the_folder_of_waveforms_stands_for_the_one_above_it(small):
    assert find_dataset(small / "records100") == small


def test_links_that_go_round_end(small):
    (small.parent / "loop").symlink_to(small.parent)
    (small / "ptbxl_database.csv").unlink()
    (small / "scp_statements.csv").unlink()
    shutil.rmtree(small / "records100")
    with pytest.raises(FileNotFoundError, match="No ptbxl_database.csv"):
        find_dataset(small.parent)


def test_of_several_datasets_a_real_one_is_preferred_and_two_real_ones_are_listed(template, tmp_path):
    real, simulated = tmp_path / "data" / "real", tmp_path / "data" / "simulated"
    shutil.copytree(template, real)
    shutil.copytree(template, simulated)
    with pytest.raises(DatasetError, match="holds several datasets: .*real, .*simulated"):
        find_dataset(tmp_path)
    (simulated / "SIMULATED.json").write_text("{}")
    assert find_dataset(tmp_path / "data") == real
    assert open_dataset(simulated).simulated
    assert "simulated set of 6 records" in open_dataset(simulated).describe()


@pytest.mark.bad_input(3)
def test_missing_tables_are_named(small):
    (small / "scp_statements.csv").rename(small / "other.csv")
    with pytest.raises(FileNotFoundError, match=r"scp_statements\.csv is missing.*download"):
        open_dataset(small)
    (small / "other.csv").rename(small / "scp_statements.csv")
    (small / "ptbxl_database.csv").unlink()
    for place in (small, small.parent):
        with pytest.raises(FileNotFoundError, match=r"ptbxl_database\.csv is missing in .*ptb-xl"):
            open_dataset(place)


def test_opened_dataset_has_parsed_codes_and_whole_numbers(small):
    dataset = open_dataset(small)
    assert dataset.table.index.tolist() == [1, 2, 3, 4, 5, 6]
    assert dataset.table.loc[2, "scp_codes"] == {"IMI": 35.0, "SR": 0.0}
    assert dataset.table["patient_id"].tolist() == [100, 100, 101, 101, 102, 102]
    assert dataset.table["strat_fold"].dtype == dataset.table["patient_id"].dtype == "int64"
    assert (dataset.version, dataset.sampling_rates, dataset.simulated) == (
        "sample of 6 records",
        (100,),
        False,
    )
    assert dataset.describe() == f"PTB-XL sample of 6 records of 3 patients, 100 Hz, in {small}"


@pytest.mark.parametrize(("count", "version"), [(21_837, "1.0.1"), (21_801, "1.0.2"), (21_799, "1.0.3")])
def test_version_is_told_by_the_number_of_records(small, count, version):
    rows = (f"{k},{k},{{'NORM': 100.0}},{k % 10 + 1},r/{k}_lr,r/{k}_hr" for k in range(1, count + 1))
    head = "ecg_id,patient_id,scp_codes,strat_fold,filename_lr,filename_hr\n"
    (small / "ptbxl_database.csv").write_text(head + "\n".join(rows))
    dataset = open_dataset(small)
    assert dataset.version == version
    assert dataset.describe().startswith(f"PTB-XL {version}: {count:,} records of ")


def test_real_sample_is_said(real_dataset):
    assert real_dataset.version == "sample of 1,016 records"
    assert real_dataset.sampling_rates == (100, 500)


@pytest.mark.bad_input(30)
@pytest.mark.security
@pytest.mark.parametrize(
    "cell",
    [
        "",
        "{'NORM': 100.0",
        "['NORM']",
        "{'NORM': 'high'}",
        "{'NORM': True}",
        "{'NORM': -1}",
        "{'NORM': 1e999}",
        "{7: 100.0}",
        "{[]: 100.0}",
        "{'NORM': " + "(" * 500 + "1" + ")" * 500 + "}",
        "[" * 9000,
        "{'NORM': 100.0}" + " " * 20_000,
        "__import__('pathlib').Path('made').touch()",
        "dict(NORM=100.0)",
    ],
)
def test_malformed_scp_codes_name_the_record_and_nothing_is_run(small, cell, monkeypatch):
    monkeypatch.chdir(small)
    edit(small, 3, scp_codes=cell)
    with pytest.raises(DatasetError, match="scp_codes must be a dict .* ecg_id 3"):
        open_dataset(small)
    assert not (small / "made").exists()


@pytest.mark.bad_input(33)
@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("strat_fold", "", "strat_fold must be a whole number, got nan for ecg_id 4"),
        ("strat_fold", "0", "strat_fold must be a whole number from 1 to 10, got 0 for ecg_id 4"),
        ("strat_fold", "11", "got 11 for ecg_id 4"),
        ("strat_fold", "2.5", r"strat_fold must be a whole number, got 2\.5 for ecg_id 4"),
        ("patient_id", "", "patient_id must be a whole number, got nan for ecg_id 4"),
        ("patient_id", "inf", "patient_id must be a whole number, got inf for ecg_id 4"),
        ("patient_id", "Smith", "patient_id must be a whole number, got 'Smith' for ecg_id 4"),
    ],
)
def test_impossible_fold_or_patient_names_the_record(small, column, cell, message):
    edit(small, 4, **{column: cell})
    with pytest.raises(DatasetError, match=message):
        open_dataset(small)


@pytest.mark.bad_input(33)
@pytest.mark.parametrize("column", ["strat_fold", "patient_id", "scp_codes", "filename_lr", "ecg_id"])
def test_missing_column_is_named(small, column):
    path = small / "ptbxl_database.csv"
    pd.read_csv(path).drop(columns=column).to_csv(path, index=False)
    with pytest.raises(DatasetError, match=f"no column {column}"):
        open_dataset(small)


@pytest.mark.security
@pytest.mark.parametrize(
    "name", ["../x_lr", "/etc/x_lr", "a/../../x", "~/x", "C:/x", "a\\b", "a//b", "", "./x"]
)
def test_file_name_that_leads_out_of_the_folder_is_refused(small, name):
    edit(small, 2, filename_lr=name)
    with pytest.raises(DatasetError, match="filename_lr must be a path inside the dataset .* ecg_id 2"):
        open_dataset(small)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a readable CSV table"),
        (b"\xff\xfe\x00\x01" * 50, "not a readable CSV table|has no column"),
        (b"<!DOCTYPE html><html>Not Found</html>", "has no column"),
        (b'ecg_id,patient_id\n1,"2\n3,4,5,6\n7', "not a readable CSV table"),
        (b"ecg_id,patient_id,scp_codes,strat_fold,filename_lr,filename_hr\n", "no rows"),
    ],
)
def test_table_that_is_none_is_refused(small, content, message):
    (small / "ptbxl_database.csv").write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        open_dataset(small)


def test_repeated_ecg_id_is_refused(small):
    edit(small, 4, ecg_id="3")
    with pytest.raises(DatasetError, match="each ecg_id must be there once; more than once: 3"):
        open_dataset(small)


def test_statement_table_with_a_repeated_code_is_refused(small):
    path = small / "scp_statements.csv"
    path.write_text(path.read_text() + "NORM,words,1.0,NORM\n")
    with pytest.raises(DatasetError, match="each statement code once"):
        open_dataset(small)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    column=st.sampled_from(["ecg_id", "patient_id", "scp_codes", "strat_fold", "filename_lr"]),
    cell=st.one_of(
        st.text(max_size=30),
        st.sampled_from(["nan", "1e400", "-0", "{}", "{'': 0}", "9" * 40, "True", '"', ","]),
    ),
)
def test_any_cell_gives_a_right_table_or_our_own_error(small, column, cell):
    original = (small / "ptbxl_database.csv").read_bytes()
    try:
        edit(small, 5, **{column: cell})
        dataset = open_dataset(small)
    except DatasetError:
        pass
    else:
        assert dataset.table["strat_fold"].between(1, 10).all()
        assert dataset.table.index.is_unique
        assert all(isinstance(codes, dict) for codes in dataset.table["scp_codes"])
    finally:
        (small / "ptbxl_database.csv").write_bytes(original)


def test_choice_of_data_is_given_path_then_environment_then_defaults_then_simulated(
    small, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PATH_TO_DATA", raising=False)
    folder, why = resolve_data_path()
    assert folder == tmp_path / "data" / "simulated"
    assert why == (
        "Using the simulated set in data/simulated: PATH_TO_DATA is not set and neither data/ptb-xl-full nor "
        "data/ptb-xl is there. To use real ECGs, set PATH_TO_DATA to a PTB-XL folder."
    )
    monkeypatch.setenv("PATH_TO_DATA", " ")
    assert resolve_data_path() == (folder, why)
    monkeypatch.delenv("PATH_TO_DATA")
    default = Path(shutil.copytree(small, tmp_path / "data" / "ptb-xl"))
    folder, why = resolve_data_path()
    assert folder == default
    assert why == "Using the dataset in data/ptb-xl: PATH_TO_DATA is not set."
    monkeypatch.setenv("PATH_TO_DATA", str(small))
    folder, why = resolve_data_path()
    assert folder == small
    place = small.relative_to(tmp_path)
    assert why == f"Using the dataset in {place}, found by PATH_TO_DATA of the environment."
    assert resolve_data_path(default) == (
        default,
        "Using the dataset in data/ptb-xl, found at the given path.",
    )


def test_whole_ptbxl_is_preferred_to_its_sample_and_without_either_a_set_is_simulated(
    small, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PATH_TO_DATA", raising=False)
    monkeypatch.setattr(ptbxl, "write_dataset", functools.partial(ptbxl.write_dataset, n_records=20))
    dataset = open_dataset(progress=False)
    assert dataset.simulated
    assert dataset.source.startswith("Using the simulated set in data/simulated: PATH_TO_DATA is not set")
    assert dataset.source.endswith(f"\n{dataset.describe()}.")
    for name in ("ptb-xl", "ptb-xl-full"):
        shutil.copytree(small, tmp_path / "data" / name)
        assert open_dataset().folder == tmp_path / "data" / name


@pytest.mark.bad_input(1)
def test_wrong_path_in_the_environment_is_not_passed_over(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH_TO_DATA", str(tmp_path / "typo"))
    with pytest.raises(FileNotFoundError, match="typo does not exist"):
        resolve_data_path()


def test_dataset_cannot_be_changed_by_accident(small):
    with pytest.raises(AttributeError):
        open_dataset(small).version = "2"
    assert isinstance(open_dataset(small), Dataset)
