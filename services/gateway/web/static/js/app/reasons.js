// Reason codes of the API, as a person would say them, with what to do about each.

const REASONS = {
  empty_file: ["Empty files", "The files hold nothing. Copy them again from their source."],
  not_audio: ["Not sound files", "The files are something else under a music name. Remove or rename them."],
  corrupt: ["Damaged files", "The files break off or make no sense. Replace them with good copies."],
  unsupported: ["Unknown format", "No decoder knows this format. Convert the files to FLAC, MP3, Ogg or M4A."],
  too_short: ["Too short", "There is too little sound to judge. Nothing to do."],
  too_long: ["Too long", "The files are longer than Starling takes. Split them if you want them in."],
  memory_limit: ["Too much memory needed", "Decoding went over the memory limit. Raise STARLING_TRACK_MEMORY_MB, then try again."],
  time_limit: ["Took too long", "Decoding did not end in time. Raise STARLING_TRACK_TIMEOUT_S, then try again."],
  file_missing: ["Files gone", "They were listed but are not there any more. Analyse again to refresh the list."],
  outside_root: ["Outside the folder", "These are links that lead out of the music folder, and are not followed."],
  decoder_crashed: ["The decoder crashed", "Three tries ended the same way. The files are most likely damaged: replace them."],
  wrong_password: ["Login refused", "Check the user name and password of this library in Settings."],
  forbidden: ["Not allowed", "The server's user may not download. Give it that right on the server."],
  not_found: ["Not on the server", "The server listed these but does not have them. Let it rescan, then try again."],
  refused: ["Refused by the server", "The server said no. Its own words say why."],
  bad_address: ["Not an address of a server", "Its name leads where no media server can be. Check the address in Settings."],
  not_json: ["Not a music server's answer", "Something else answered, such as a proxy page. Check the address in Settings."],
  not_subsonic: ["Not a Subsonic server", "Check the address in Settings."],
  incomplete_answer: ["Half an answer", "The server's answer broke off. Try again."],
  wrong_type: ["Not music", "The server sent something that is not sound. Look at the item on the server."],
  folder_missing: ["The folder is not there", "Check that the disk is mounted and the path is spelled right."],
  not_a_folder: ["Not a folder", "The path leads to a file. Give the folder that holds it."],
  no_permission: ["No permission", "Let the user that runs Starling read these files."],
  library_empty: ["The library is empty", "Check that this is the right folder and that the disk is mounted. Nothing was removed."],
  server_unavailable: ["The server did not answer", "Check that it is up, then try again."],
  rate_limited: ["The server asked for a break", "Try again later."],
  store_unavailable: ["Starling's own store did not answer", "Try again; if it stays, look at the logs."],
  temporary_problem: ["A passing problem", "Try again."],
  waiting_for_room: ["Waiting for room", "Work goes on by itself when there is room."],
  deleted_on_server: ["Deleted on the server", "Its owner deleted it there, so it stays deleted. Write it again with “bring back” to have it again."],
  no_tracks: ["None of its songs is on this server", "Nothing was written. The playlist stays here."],
  not_what_was_written: ["The server kept something else", "It did not keep the list as it was written. Try again; if that stays, look at the server's own log."],
  data_gone: ["The prepared songs are gone", "Start again."],
  unreadable_command: ["A fault in Starling", "Try again; if it stays, please report it."],
  playlist_deleted: ["Deleted in Starling", "There is nothing to write any more."],
  server_removed: ["The library was removed", "Add it again in Settings to write to it."],
  work_lost: ["The work broke off", "Start it again."],
  too_few_tracks: ["Too few songs", "Analyse more songs first."],
  cancelled: ["Cancelled", "The run was stopped before it came to these."],
  unchanged: ["Known and unchanged", "Analysed before; nothing to do."],
  unreadable_before: ["Unreadable before, and unchanged", "They are tried again once the files change, or with “only failed songs”."],
  not_selected: ["Not asked for", "This run was for other songs."],
};

const inPlainWords = (reason) => {
  const text = reason.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
};

/** @returns {{title: string, advice: string}} never empty, for codes nobody has heard of too */
export function explain(reason) {
  const [title, advice] = REASONS[reason] ?? [inPlainWords(reason || "unknown"), "The details are beside each song. Try again once that is put right."];
  return { title, advice };
}
