//! Names as firms have them: one of a hundred people is a Smith, many have one of the usual names, the others one of their own.

use rand::RngExt;
use rand::rngs::StdRng;

const FIRST: [&str; 40] = [
    "Amélie",
    "Björn",
    "Chidi",
    "Dorota",
    "Émile",
    "Freya",
    "Gustavo",
    "Hana",
    "Ingrid",
    "João",
    "Kofi",
    "Lucía",
    "Małgorzata",
    "Noah",
    "Olivia",
    "Priya",
    "Quentin",
    "Rosa",
    "Søren",
    "Tomáš",
    "Ursula",
    "Víctor",
    "Wanda",
    "Xavier",
    "Yusuf",
    "Zoë",
    "Agnes",
    "Benedict",
    "Caroline",
    "David",
    "Eleanor",
    "Francis",
    "Grace",
    "Henry",
    "Isabel",
    "James",
    "Katherine",
    "Leonard",
    "Margaret",
    "Nicholas",
];

const LAST: [&str; 70] = [
    "Jones",
    "Williams",
    "Taylor",
    "Brown",
    "Davies",
    "Evans",
    "Wilson",
    "Thomas",
    "Roberts",
    "Johnson",
    "Lewis",
    "Walker",
    "Robinson",
    "Wood",
    "Thompson",
    "White",
    "Watson",
    "Jackson",
    "Wright",
    "Green",
    "Harris",
    "Cooper",
    "King",
    "Lee",
    "Martin",
    "Clarke",
    "James",
    "Morgan",
    "Hughes",
    "Edwards",
    "Hill",
    "Moore",
    "Clark",
    "Harrison",
    "Müller",
    "Schäfer",
    "Fernández",
    "Peña",
    "Wójcik",
    "Nowak",
    "Åkesson",
    "Lindqvist",
    "Okafor",
    "Mensah",
    "Sato",
    "Nguyễn",
    "Ferreira",
    "Gonçalves",
    "Dvořák",
    "Jørgensen",
    "Laurent",
    "Béranger",
    "O'Brien",
    "MacDonald",
    "Kowalska",
    "Rossi",
    "Bianchi",
    "Papadopoulos",
    "Yılmaz",
    "Haddad",
    "Cohen",
    "Patel",
    "Singh",
    "Khan",
    "Chowdhury",
    "Kapoor",
    "Ivanova",
    "Horváth",
    "Ionescu",
    "de la Cruz",
];

/// The name of the client of this number.
pub fn name(number: usize, chance: &mut StdRng) -> String {
    let first = pick(&FIRST, chance);
    match chance.random_range(0..100) {
        0 => format!("{first} Smith"),
        1..=70 => format!("{first} {}", pick(&LAST, chance)),
        _ => format!("{first} {}", of_its_own(number)),
    }
}

fn pick(from: &[&'static str], chance: &mut StdRng) -> &'static str {
    from.get(chance.random_range(0..from.len())).copied().unwrap_or_default()
}

/// A last name that no other number below a million has.
pub fn of_its_own(number: usize) -> String {
    const CONSONANTS: &str = "bdfghjklmnprstvwxyzc";
    const VOWELS: &str = "aeiou";
    // Prime to a million, so that neighbours do not look alike.
    let mut rest = number % 1_000_000 * 379_721 % 1_000_000;
    let mut name = String::new();
    for place in 0..3 {
        let consonant = CONSONANTS.chars().nth(rest % 20).unwrap_or_default();
        name.push(if place == 0 { consonant.to_ascii_uppercase() } else { consonant });
        name.extend(VOWELS.chars().nth(rest / 20 % 5));
        rest /= 100;
    }
    name
}
