package intake

// The forms of a gateway's events, as long as they are in a chat service of today. Where a
// number stands in brackets it is that argument, so that an event can be read as it is sent.
const (
	userForm = `{"username":"somebody.%[1]d","public_flags":64,"primary_guild":null,"id":"%[1]d","global_name":"Some Body",` +
		`"display_name_styles":null,"discriminator":"0","collectibles":null,"clan":null,"bot":false,"avatar_decoration_data":null,` +
		`"avatar":"8342729096ea3675442027381ff50dfe"}`
	// memberForm has no end: in some events a guild's id comes behind it.
	memberForm = `{"user":` + userForm + `,"roles":["%[2]d","%[3]d"],"premium_since":null,"pending":false,"nick":"%[4]s","mute":false,` +
		`"joined_at":"2020-01-01T00:00:00.000000+00:00","flags":0,"deaf":false,"communication_disabled_until":null,"banner":null,"avatar":null`

	// The arguments of these: user, two roles, nick, guild, channel, and what is said there.
	messageForm = `{"type":0,"tts":false,"timestamp":"2026-05-01T12:34:56.789000+00:00","pinned":false,"nonce":"%[7]d","mentions":[],` +
		`"mention_roles":[],"mention_everyone":false,"member":{"roles":["%[2]d","%[3]d"],"premium_since":null,"pending":false,"nick":"%[4]s",` +
		`"mute":false,"joined_at":"2020-01-01T00:00:00.000000+00:00","flags":0,"deaf":false,"communication_disabled_until":null,"banner":null,` +
		`"avatar":null},"id":"%[7]d","flags":0,"embeds":[],"edited_timestamp":%[8]s,"content":"%[9]s","components":[],"channel_type":0,` +
		`"channel_id":"%[6]d","author":` + userForm + `,"attachments":[],"guild_id":"%[5]d"}`
	memberUpdateForm = memberForm + `,"guild_id":"%[5]d"}`
	typingForm       = `{"user_id":"%[1]d","timestamp":1777638896,"member":` + memberForm + `},"channel_id":"%[6]d","guild_id":"%[5]d"}`
	reactionForm     = `{"user_id":"%[1]d","type":0,"message_id":"%[7]d","message_author_id":"%[8]s","member":` + memberForm + `},` +
		`"emoji":{"name":"👍","id":null},"channel_id":"%[6]d","burst":false,"guild_id":"%[5]d"}`
	voiceForm = `{"member":` + memberForm + `},"user_id":"%[1]d","suppress":false,"session_id":"30f32c5d54ae86130fc4a215c7474263",` +
		`"self_video":false,"self_mute":%[8]s,"self_deaf":false,"request_to_speak_timestamp":null,"mute":false,"guild_id":"%[5]d","deaf":false,"channel_id":"%[6]d"}`

	messageDeleteForm = `{"id":"%[1]d","channel_id":"%[2]d","guild_id":"%[3]d"}`
	presenceForm      = `{"user":{"id":"%[1]d"},"status":"%[2]s","guild_id":"%[3]d","client_status":{"desktop":"%[2]s"},"activities":[%[4]s]}`
	activityForm      = `{"type":0,"timestamps":{"start":1777560000000},"state":"In a match","name":"Some Game","id":"ec0b28a579ecb4bd","details":"Ranked, %d",` +
		`"created_at":1777560001234,"assets":{"small_text":"x","small_image":"1","large_text":"y","large_image":"2"},"application_id":"356875570916753438"}`
	// channelForm has no end either: in a guild it does not name that.
	channelForm = `{"version":1777560000000,"type":%[4]d,"topic":"%[3]s","rate_limit_per_user":0,"position":3,"permission_overwrites":[{"type":0,"id":"%[2]d",` +
		`"deny":"1024","allow":"0"},{"type":1,"id":"9","deny":"0","allow":"1024"}],"parent_id":null,"nsfw":false,"name":"general-%[1]d",` +
		`"last_message_id":"1234","id":"%[1]d","flags":0`
	channelUpdateForm = channelForm + `,"guild_id":"%[2]d"}`
	roleForm          = `{"version":1777560000000,"unicode_emoji":null,"tags":{},"position":%[2]d,"permissions":"104324673","name":"role %[2]d","mentionable":false,` +
		`"managed":false,"id":"%[1]d","icon":null,"hoist":false,"flags":0,"colors":{"primary_color":0},"color":0}`

	readyForm = `{"v":10,"user_settings":{},"user":` + userForm + `,"session_type":"normal","session_id":"5c1f7e63","resume_gateway_url":"%[2]s",` +
		`"relationships":[],"private_channels":[],"presences":[],"guilds":[%[3]s],"guild_join_requests":[],"geo_ordered_rtc_regions":[],` +
		`"application":{"id":"%[1]d","flags":565248},"_trace":["recorded"]}`
	guildHead = `{"version":1777560000000,"verification_level":1,"vanity_url_code":null,"unavailable":false,"system_channel_id":null,"system_channel_flags":0,` +
		`"stickers":[],"stage_instances":[],"splash":null,"soundboard_sounds":[],"safety_alerts_channel_id":null,"rules_channel_id":null,"region":"deprecated",` +
		`"public_updates_channel_id":null,"premium_tier":0,"premium_subscription_count":0,"premium_progress_bar_enabled":false,"preferred_locale":"en-US",` +
		`"owner_id":"%[2]d","nsfw_level":0,"nsfw":false,"name":"Guild %[1]d","mfa_level":0,"max_video_channel_users":25,"max_members":25000000,"member_count":%[3]d,` +
		`"lazy":true,"large":true,"joined_at":"2020-01-01T00:00:00.000000+00:00","id":"%[1]d","icon":null,"home_header":null,"guild_scheduled_events":[],` +
		`"features":["COMMUNITY","NEWS"],"explicit_content_filter":0,"emojis":[],"embedded_activities":[],"discovery_splash":null,"description":null,` +
		`"default_message_notifications":1,"banner":null,"application_id":null,"application_command_counts":{},"afk_timeout":300,"afk_channel_id":null,` +
		`"activity_instances":[],"threads":[],"voice_states":[]`

	payloadForm = `{"t":"%s","s":%d,"op":0,"d":%s}`
	helloForm   = `{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":600000,"_trace":["recorded"]}}`
)
