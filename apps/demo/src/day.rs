//! The day, from breakfast to midnight.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::api::Api;
use crate::chance::Chance;
use crate::city::City;
use crate::games;
use crate::people::{self, Person};
use crate::shop::Shop;

/// The first minute of the day, and the last.
const DAY: (u64, u64) = (8 * 60, 24 * 60);
/// Something happens so often in a day.
const MOMENTS: u32 = 240;
/// At so many moments, one after the other, somebody is hungry, buys, or plays.
const HUNGRY: u32 = 10;
const BUYS: u32 = 9;
const PLAYS: u32 = 4;
/// Orders that are under way at midnight are brought to their doors all the same, in so many moments.
const LATE_MAX: u32 = 400;

pub(crate) struct Day<'a> {
    api: &'a Api,
    people: Vec<Person>,
    city: City,
    shop: Shop,
    chance: Chance,
    bar: ProgressBar,
    moment: Duration,
    level_ups: u32,
}

impl<'a> Day<'a> {
    pub(crate) fn begin(api: &'a Api, length: Duration) -> Result<Self> {
        let (people, city, shop) = (people::all(api)?, City::look(api)?, Shop::look(api)?);
        let bar = ProgressBar::new(u64::from(MOMENTS));
        bar.set_style(ProgressStyle::with_template("{prefix} {bar:30} {msg}")?);
        let moment = length / MOMENTS;
        Ok(Self { api, people, city, shop, chance: Chance::new(), bar, moment, level_ups: 0 })
    }

    /// Lets it go by, and says what became of it.
    pub(crate) fn go_by(mut self) -> Result<String> {
        let begin = Instant::now();
        for moment in 0..MOMENTS {
            self.bar.set_prefix(clock(moment));
            self.happen(moment)?;
            self.bar.inc(1);
            thread::sleep(
                (begin + self.moment * (moment + 1)).saturating_duration_since(Instant::now()),
            );
        }
        for _ in 0..LATE_MAX {
            if self.city.under_way() == 0 {
                break;
            }
            self.deliver(MOMENTS)?;
            thread::sleep(self.moment);
        }
        self.bar.finish_and_clear();
        if self.city.under_way() > 0 {
            bail!("{} orders never got to their doors", self.city.under_way());
        }
        self.sum_up()
    }

    fn happen(&mut self, moment: u32) -> Result<()> {
        if moment.is_multiple_of(HUNGRY) {
            let Some(who) = self.chance.pick(&self.people) else { return Ok(()) };
            let told = self.city.order(self.api, who, &mut self.chance)?;
            self.tell(moment, &told);
        }
        if moment % BUYS == 1 {
            let Some(who) = self.chance.pick(&self.people) else { return Ok(()) };
            for told in self.shop.buy(self.api, who, &mut self.chance)? {
                self.tell(moment, &told);
            }
        }
        if moment % PLAYS == 2 {
            let Some(who) = self.chance.pick(&self.people) else { return Ok(()) };
            if let Some(told) = games::play(self.api, who, &mut self.chance)? {
                self.level_ups += 1;
                self.tell(moment, &told);
            }
        }
        self.deliver(moment)
    }

    fn deliver(&mut self, moment: u32) -> Result<()> {
        for told in self.city.step(self.api)? {
            self.tell(moment, &told);
        }
        let (city, shop) = (&self.city, &self.shop);
        self.bar.set_message(format!(
            "{} orders under way, {} delivered, {} bought",
            city.under_way(),
            city.delivered,
            shop.bought
        ));
        Ok(())
    }

    fn tell(&self, moment: u32, what: &str) {
        let line = format!("{}  {what}", clock(moment));
        // Without a terminal there is no bar, and nothing would be told.
        match self.bar.is_hidden() {
            true => println!("{line}"),
            false => self.bar.println(line),
        }
    }

    fn sum_up(&self) -> Result<String> {
        let Self { city, shop, level_ups, .. } = self;
        Ok(format!(
            "The day is over: {} orders placed and {} delivered, {} purchases ({} times there was too little), \
             {level_ups} new levels.\nThe board:\n{}",
            city.placed,
            city.delivered,
            shop.bought,
            shop.sold_out,
            games::board(self.api)?
        ))
    }
}

/// `08:00` at the first moment of the day.
fn clock(moment: u32) -> String {
    let (begin, end) = DAY;
    let minute = begin + (end - begin) * u64::from(moment) / u64::from(MOMENTS);
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_from_eight_to_midnight() {
        assert_eq!([0, 60, MOMENTS].map(clock), ["08:00", "12:00", "24:00"]);
    }
}
