//! A machine joins by one `Specimen` and one line in `the_machines_of_the_house_obey`.

mod broken;
mod laws;
mod retry;
mod specimen;

use laws::obeys;

#[test]
fn a_sound_machine_obeys() {
    obeys(&retry::Sound);
}
