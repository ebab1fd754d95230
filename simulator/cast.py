"""Who is who in the simulated tenant: the fixed cast that demo, drill and tests know by name, and further people."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Cast:
    """One line of the fixed cast."""

    name: str
    alias: str
    title: str
    department: str
    kind: str = "cloud"  # cloud | synced | guest | shared | shared-open | break-glass
    roles: tuple[str, ...] = ()
    manager: str | None = None


CAST: tuple[Cast, ...] = (
    Cast("Alex Wilber", "alex", "Helpdesk Analyst", "IT", manager="henrietta"),
    Cast("Adele Vance", "adele", "Security Lead", "IT", manager="henrietta"),
    Cast("Diego Siciliani", "diego", "Security Engineer", "IT", manager="adele"),
    Cast("Henrietta Mueller", "henrietta", "IT Manager", "IT"),
    Cast("Grady Archie", "grady", "Communications Manager", "Communications"),
    Cast("Megan Bowen", "megan", "Accounts Payable Clerk", "Finance", manager="lynne"),
    Cast("Isaiah Langer", "isaiah", "Cloud Administrator", "IT", roles=("Global Administrator",), manager="henrietta"),
    Cast("Patti Fernandez", "patti", "Plant Manager", "Operations", kind="synced"),
    Cast("Lynne Robbins", "lynne", "Chief Financial Officer", "Finance"),
    Cast("Joni Sherman", "joni", "Paralegal", "Legal"),
    Cast("Joni Sherman", "joni.sherman2", "Sales Assistant", "Sales"),
    Cast("Lee Gu", "lee", "Director", "Manufacturing"),
    Cast("Miriam O'Connor", "miriam.o'connor", "Designer", "Marketing"),
    Cast("José Müller", "jose", "Account Manager", "Sales"),
    Cast("Ravi Patel", "ravi_fabrikam.com#EXT#", "", "", kind="guest"),
    Cast("Invoices", "invoices", "", "Finance", kind="shared"),
    Cast("Reception", "reception", "", "Facilities", kind="shared-open"),
    Cast("Emergency Access 1", "emergency1", "", "", kind="break-glass", roles=("Global Administrator",)),
)
_FIRST = (
    "Allan",
    "Ben",
    "Brian",
    "Cameron",
    "Christie",
    "Cora",
    "Debra",
    "Delia",
    "Emily",
    "Enrico",
    "Fabrice",
    "Gerhart",
    "Hannah",
    "Irvin",
    "Ingrid",
    "Jamal",
    "Jordan",
    "Karin",
    "Kaito",
    "Laila",
    "Lidia",
    "Malin",
    "Marek",
    "Nestor",
    "Naomi",
    "Ottilie",
    "Omar",
    "Pradeep",
    "Petra",
    "Quentin",
    "Rosa",
    "Ruben",
    "Sanjay",
    "Sofia",
    "Tariq",
    "Tove",
    "Ulrike",
    "Usman",
    "Vance",
    "Vera",
    "Wanda",
    "William",
    "Xenia",
    "Ximena",
    "Yusuf",
    "Yara",
    "Zoe",
    "Zoran",
)
_LAST = (
    "Abara",
    "Berg",
    "Christensen",
    "Deyoung",
    "Eriksen",
    "Farkas",
    "Gupta",
    "Holloway",
    "Ivanov",
    "Jimenez",
    "Kowalski",
    "Lindqvist",
    "Moreau",
    "Nakamura",
    "Okafor",
    "Petrov",
    "Quist",
    "Rossi",
    "Sato",
    "Thomsen",
    "Ueda",
    "Varga",
    "Wilke",
    "Xu",
    "Young",
    "Zhang",
)
_DEPARTMENTS = ("Sales", "Marketing", "Finance", "Operations", "Manufacturing", "Legal", "HR", "Engineering")


def further_people(count: int, seed: int) -> list[Cast]:
    """So many more people, the same ones for a seed."""
    random = Random(f"{seed}:people")
    taken: set[str] = set()
    people: list[Cast] = []
    while len(people) < count:
        first, last = random.choice(_FIRST), random.choice(_LAST)
        alias = unicodedata.normalize("NFKD", f"{first}.{last}").lower()
        if alias in taken:
            alias = f"{alias}{len(people)}"
        taken.add(alias)
        department = random.choice(_DEPARTMENTS)
        people.append(Cast(f"{first} {last}", alias, f"{department} Specialist", department))
    return people
