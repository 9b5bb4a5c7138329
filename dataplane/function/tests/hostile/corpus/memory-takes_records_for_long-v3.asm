# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    mov %r3, %r1
    add %r3, 8
    jgt %r3, %r2, i19
    ldxdw %r1, [%r1]
    stxdw [%r10-8], %r1
    mov %r7, 0
    mov32 %r6, 100
    ja i20
i11:
    ldxdw %r1, [%r10-24]
    ldxdw %r0, [%r1]
    ldxdw %r1, [%r1+8]
    stxdw [%r10-8], %r1
    add %r0, %r7
    add32 %r6, -1
    mov %r7, %r0
    jne32 %r6, 0, i20
i19:
    exit
i20:
    mov %r1, %r10
    add %r1, -8
    mov %r4, %r10
    add %r4, -24
    mov %r2, 8
    mov %r3, 0
    call 1
    jsgt %r0, -1, i11
    mov %r0, %r7
    ja i19
