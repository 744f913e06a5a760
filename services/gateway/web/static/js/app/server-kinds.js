// The kinds of libraries there are, and what each asks for.

import { sentence } from "./format.js";

const address = (placeholder) => ({ name: "url", label: "Address", placeholder, inputmode: "url" });
const USER = { name: "username", label: "User name", autocomplete: "username" };
const PASSWORD = { name: "password", label: "Password", type: "password", autocomplete: "current-password" };
const apiKey = (label) => ({ name: "token", label, type: "password", autocomplete: "off" });
const optional = (field) => ({ ...field, label: `${field.label} (if it asks for one)`, optional: true });

const login = { key: "login", label: "User and password", fields: [USER, PASSWORD] };
const key = { key: "key", label: "API key", fields: [apiKey("API key")] };

/** `ways` are the ways to sign in, the usual one first. */
export const KINDS = {
  folder: {
    label: "A folder",
    icon: "folder",
    about: "On the machine that runs Starling. Your music is read, never changed; playlists can be written beside it.",
    fields: [{ name: "path", label: "Path of the folder", placeholder: "/home/ana/Music" }],
    ways: [],
  },
  subsonic: {
    label: "Navidrome",
    icon: "server",
    about: "Navidrome, Gonic, Airsonic, or any other server that speaks Subsonic.",
    fields: [address("https://music.example.org")],
    ways: [login],
  },
  jellyfin: {
    label: "Jellyfin",
    icon: "server",
    about: "Sign in as the user whose playlists these shall be, or give an API key and the name of that user.",
    fields: [address("http://nas:8096")],
    ways: [login, { ...key, fields: [...key.fields, { ...USER, label: "User whose playlists these shall be" }] }],
  },
  emby: {
    label: "Emby",
    icon: "server",
    about: "Sign in as the user whose playlists these shall be, or give an API key and the name of that user.",
    fields: [address("http://nas:8096")],
    ways: [login, { ...key, fields: [...key.fields, { ...USER, label: "User whose playlists these shall be" }] }],
  },
  lyrion: {
    label: "Lyrion",
    icon: "server",
    about: "Lyrion Music Server, also known as Logitech Media Server or Squeezebox Server.",
    fields: [address("http://nas:9000")],
    ways: [{ ...login, fields: [optional(USER), optional(PASSWORD)] }],
  },
  plex: {
    label: "Plex",
    icon: "server",
    about: "Plex gives each server a token, its X-Plex-Token: it is in the address of “View XML” under “Get Info” of any song.",
    fields: [address("http://nas:32400")],
    ways: [{ key: "key", label: "Token", fields: [apiKey("Token")] }],
  },
};

/** What a kind asks for, with the chosen way to sign in. */
export function fieldsOf(type, way) {
  const { fields, ways } = KINDS[type];
  return [...fields, ...((ways.find((one) => one.key === way) ?? ways[0])?.fields ?? [])];
}

/** "Music" for /home/ana/Music, the host for an address. */
export function nameFor(type, values) {
  if (type === "folder") return sentence((values.path ?? "").split(/[\\/]/).filter(Boolean).pop() ?? "Music");
  try {
    return new URL(values.url).hostname;
  } catch {
    return "Music server";
  }
}

const asGiven = (name, text) => (name === "password" || name === "token" ? text : text.trim());

/** The filled fields as the API takes them. */
export function bodyOf(type, way, values) {
  const filled = fieldsOf(type, way).filter(({ name }) => values[name]?.trim());
  return Object.fromEntries(filled.map(({ name }) => [name, asGiven(name, values[name])]));
}

export const missing = (type, way, values) => fieldsOf(type, way).find(({ name, optional: free }) => !free && !values[name]?.trim());
