// Package npm has tests run Node.js programs that are made of packages from npm.
//
// A test's folder has package.json and package-lock.json. Install fetches what the lock
// says, unless that was done, and skips the test where there is no node or npm, or where
// the packages cannot be fetched. CheckLock fails the test if the lock does not say all
// of it. Command prepares a run of a program, which ends with the test.
package npm
