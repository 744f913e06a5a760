import { html, useEffect, useState } from "../app/view.js";
import { get } from "../app/api.js";
import { ago, artistOf, bpm, clock, decimal, keyName, percent, plural, spent } from "../app/format.js";
import { on } from "../app/live.js";
import { useLoad } from "../app/load.js";
import { playOrPause } from "../app/player.js";
import { explain } from "../app/reasons.js";
import { mayWrite } from "../app/rights.js";
import { heardBrightness } from "../app/sound.js";
import { makeSimilar } from "../app/playlists.js";
import { navigate } from "../app/router.js";
import { serverName, startAnalysis } from "../app/store.js";
import { sayProblem } from "../app/toasts.js";
import { Icon } from "../components/icon.js";
import { playState } from "../components/play-button.js";
import { SimilarSongs } from "../components/similar-songs.js";
import { SoundScales } from "../components/sound-strip.js";
import { EmptyState, ErrorCard, Ghosts } from "../components/states.js";
import { TagBars } from "../components/tags.js";
import { Tile } from "../components/tile.js";

const word = (value, low, high) => (value > 0.6 ? high : value < 0.4 ? low : "medium");
const sure = (confidence) => (confidence >= 0.7 ? "clear" : confidence >= 0.4 ? "likely" : "a guess");

function loudnessWord(lufs) {
  if (lufs > -9) return "very loud";
  if (lufs > -14) return "loud";
  return lufs > -20 ? "moderate" : "quiet";
}

/** The numbers a musician asks for, each with what it means or how sure it is. */
function Facts({ analysis }) {
  const facts = [
    ["Tempo", bpm(analysis.tempo_bpm), "BPM", analysis.tempo_bpm === null ? "no steady beat" : sure(analysis.tempo_confidence)],
    ["Key", keyName(analysis.key, analysis.scale), "", analysis.key ? sure(analysis.key_confidence) : "no clear key"],
    ["Loudness", analysis.loudness_lufs === null ? "–" : decimal(analysis.loudness_lufs).replace("-", "−"), "LUFS", analysis.loudness_lufs === null ? "silence" : loudnessWord(analysis.loudness_lufs)],
    ["Energy", percent(analysis.energy), "", word(analysis.energy, "gentle", "intense")],
    ["Brightness", percent(heardBrightness(analysis.brightness)), "", word(heardBrightness(analysis.brightness), "dark", "bright")],
  ];
  return html`<dl class="facts">
    ${facts.map(([name, value, unit, note]) => html`<div key=${name} class="fact"><dt>${name}</dt><dd>${value}${unit && value !== "–" && html`<small> ${unit}</small>`}</dd><dd class="fact-note">${note}</dd></div>`)}
  </dl>`;
}

/** Makes a playlist of this song's neighbours, and shows it. */
function MakeSimilar({ track }) {
  const [busy, setBusy] = useState(false);
  const make = async () => {
    setBusy(true);
    try {
      navigate(`/playlists/${(await makeSimilar(track)).id}`);
    } catch (problem) {
      sayProblem(problem);
      setBusy(false);
    }
  };
  return html`<button type="button" class="button button-similar" disabled=${busy} onClick=${make}><${Icon} name="playlists" size=${18} />Make a playlist of songs like this</button>`;
}

function Hero({ track }) {
  const { isPlaying } = playState(track);
  const album = [track.album, track.year].filter(Boolean).join(", ");
  const length = track.analysis?.duration_s ?? track.duration_s;
  const details = [track.genre, clock(length), track.suffix?.toUpperCase(), serverName(track.server_id)].filter(Boolean).join(" · ");
  return html`<header class="hero">
    <${Tile} track=${track} size="large" />
    <div class="hero-words">
      <h1 tabindex="-1">${track.title}</h1>
      <p class="hero-artist">${artistOf(track)}</p>
      ${album && html`<p class="hero-album">${album}</p>`}
      <p class="hero-details">${details}</p>
      <button type="button" class="button button-main button-play" onClick=${() => playOrPause(track)}><${Icon} name=${isPlaying ? "pause" : "play"} size=${20} />${isPlaying ? "Pause" : "Play"}</button>
      ${track.analysis_source && mayWrite.value && html`<${MakeSimilar} track=${track} />`}
    </div>
  </header>`;
}

function NotAnalysed({ track }) {
  const failed = track.status === "failed";
  const again = () => startAnalysis({ server_id: track.server_id, scope: failed ? "failed" : "needed" }).catch(sayProblem);
  const action = mayWrite.value && html`<button type="button" class="button" onClick=${again}>${failed ? "Try the failed songs again" : "Analyse the library"}</button>`;
  if (!failed) return html`<${EmptyState} title="Not analysed yet" action=${action}>Its sound and its similar songs appear here as soon as Starling has listened to it.<//>`;
  const { title, advice } = explain(track.failure?.reason);
  return html`<${EmptyState} icon="alert" title="Could not be analysed" action=${action}><b>${title}.</b> ${track.failure?.detail ? `“${track.failure.detail}” ` : ""}${advice}<//>`;
}

/** What another program had found out, until Starling has listened itself. */
function Borrowed({ track }) {
  const { tempo_bpm: tempo, key, scale } = track.imported;
  const facts = [
    ["Tempo", bpm(tempo), tempo === null ? "" : "BPM"],
    ["Key", keyName(key, scale), ""],
  ];
  return html`
    <dl class="facts">
      ${facts.map(([name, value, unit]) => html`<div key=${name} class="fact"><dt>${name}</dt><dd>${value}${unit && html`<small> ${unit}</small>`}</dd><dd class="fact-note">says AudioMuse-AI</dd></div>`)}
    </dl>
    <div class="sound">
      <section class="card sound-card"><h2>From AudioMuse-AI</h2><p>This is what AudioMuse-AI had found out. It stands here until Starling has listened itself; until then, similar songs are those that sounded alike there.</p></section>
      ${track.top_tags.length > 0 && html`<section class="card"><h2>What it sounds like</h2><${TagBars} tags=${track.top_tags} /></section>`}
    </div>
  `;
}

/** "12 times, last 3 h ago", as the listener's own server counted. */
function playedWords({ play_count: times, last_played_at: last }) {
  return times ? `${plural(times, "time")}${last ? `, last ${ago(last)}` : ""}` : "never";
}

/** What else is known, for the curious. */
function More({ analysis, plays }) {
  const tuning = Math.round(analysis.tuning_cents);
  const lines = [
    ["Tuning", tuning === 0 ? "concert pitch" : `${tuning > 0 ? "+" : "−"}${Math.abs(tuning)} cents`],
    ["Silence", analysis.silence_s >= 0.5 ? spent(analysis.silence_s) : "none"],
    ["Listened to", analysis.profile === "full" ? "all of it" : `${analysis.patches} moments of 3 s`],
  ];
  if (plays) lines.push(["Played", playedWords(plays)]);
  if (plays?.rating) lines.push(["Your rating", `${decimal(plays.rating)} of 5 stars`]);
  if (plays?.favourite) lines.push(["Favourite", "yes"]);
  return html`<dl class="pairs">${lines.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function Sound({ track }) {
  const { analysis } = track;
  return html`
    <${Facts} analysis=${analysis} />
    <div class="sound">
      ${track.mood_strip &&
      html`<section class="card sound-card"><h2>How it sounds</h2><${SoundScales} strip=${track.mood_strip} /><${More} analysis=${analysis} plays=${track.plays} />
        ${analysis.silent && html`<p class="quiet">The file is silent from beginning to end.</p>`}
      </section>`}
      ${track.top_tags.length > 0 && html`<section class="card"><h2>What it sounds like</h2><${TagBars} tags=${track.top_tags} /></section>`}
    </div>
  `;
}

export function TrackPage({ id }) {
  const { data: track, problem, reload } = useLoad(`track:${id}`, (abort) => get(`/tracks/${id}`, null, abort));
  const pending = track && track.status !== "analysed";
  useEffect(() => {
    const changed = ({ analysed, count }) => (analysed.some((other) => other.id === id) || (pending && count > analysed.length)) && reload();
    return on("tracks", changed);
  }, [id, pending]);
  useEffect(() => {
    if (track) document.title = `${track.title}, ${artistOf(track)} · Starling`;
  }, [track]);
  if (problem && !track) {
    const lost = { title: problem.status === 404 ? "This song is not here" : problem.title, detail: problem.detail };
    return html`<div class="page"><${ErrorCard} problem=${lost} onRetry=${problem.status === 404 ? null : reload} /><p><a href="/">To the library</a></p></div>`;
  }
  if (!track) return html`<div class="page"><${Ghosts} /></div>`;
  return html`<div class="page track-page">
    <${Hero} track=${track} />
    ${track.analysis ? html`<${Sound} track=${track} />` : track.imported ? html`<${Borrowed} track=${track} />` : html`<${NotAnalysed} track=${track} />`}
    ${track.analysis_source && html`<${SimilarSongs} key=${id} track=${track} />`}
  </div>`;
}
