// Computes with robfig/cron, which ESO uses, when sync windows are open and when they open next.
// Run it where it stands: go run . > windows.json
package main

import (
	"encoding/json"
	"math/rand"
	"os"
	"time"

	"github.com/robfig/cron/v3"
)

type vector struct {
	Schedule string   `json:"schedule"`
	Error    bool     `json:"error"`
	Seconds  int      `json:"seconds"` // how long it stays open
	Moments  []moment `json:"moments"`
}

type moment struct {
	At   string `json:"at"`
	Open bool   `json:"open"`
	Next string `json:"next"` // empty: not within five years
}

var schedules = []string{
	"* * * * *", "0 22 * * *", "0 22 * * 1-5", "*/15 * * * *", "5/20 * * * *", "0 0 1 * *", "0 0 29 2 *", "0 0 30 2 *",
	"0 0 31 * *", "0 9-17 * * mon-fri", "0 9-17/2 * * MON,WED,fri", "30 4 1,15 * 5", "30 4 1,15 * *", "30 4 * * 5",
	"30 4 ? * 5", "30 4 */2 * 5", "30 4 */1 * 5", "0 0 1 jan ?", "0 0 1 Jan-Mar *", "59 23 31 dec *", "0 0 13 * fri",
	"1,2,3-5,50/5 1,,2 * * *", ", * * * *", "0 0 * * 0", "0 12 1-7 * 1", "00 08 01 * *", "+5 * * * *", "0 0 L * *",
	"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@Daily", "@daily ", " @daily",
	"@reboot", "@every 1h", "@every 30m", "@every 90m", "@every 24h", "@every 1h30m", "@every -5m", "@every 10ms",
	"@every", "@every ", "@every 1d", "@every  1h",
	"", " ", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *",
	"* * * 13 *", "* * * * 7", "* * * * 8", "5-1 * * * *", "1-2-3 * * * *", "1/2/3 * * * *", "*/0 * * * *",
	"*/61 * * * *", "-5 * * * *", "a * * * *", "* * * foo *", "mon * * * *", "* * * * mon-", "1.5 * * * *",
	"0 22 * * 1-5 ", "\t0 22  * * 1-5", "*-5 * * * *", "*-5/2 * * * *", "5- * * * *", "0 0 * 2 *",
}

func main() {
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	random := rand.New(rand.NewSource(1))
	var vectors []vector
	for _, text := range schedules {
		schedule, err := parser.Parse(text)
		if err != nil {
			vectors = append(vectors, vector{Schedule: text, Error: true})
			continue
		}
		for _, seconds := range []int{0, 36000} {
			v := vector{Schedule: text, Seconds: seconds}
			open := time.Duration(seconds) * time.Second
			first := schedule.Next(time.Date(2026, 2, 27, 23, 0, 0, 0, time.UTC))
			var times []time.Time
			if !first.IsZero() {
				times = append(times, first.Add(-time.Second), first, first.Add(open), first.Add(open+time.Second))
			}
			for i := 0; i < 4; i++ {
				times = append(times, time.Unix(1700000000+random.Int63n(200000000), 0).UTC())
			}
			for _, now := range times {
				fired := schedule.Next(now.Add(-open - time.Nanosecond))
				m := moment{At: now.Format(time.RFC3339), Open: !fired.IsZero() && !fired.After(now)}
				if next := schedule.Next(now); !next.IsZero() {
					m.Next = next.Format(time.RFC3339)
				}
				v.Moments = append(v.Moments, m)
			}
			vectors = append(vectors, v)
		}
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	for _, v := range vectors {
		if err := encoder.Encode(v); err != nil {
			panic(err)
		}
	}
}
